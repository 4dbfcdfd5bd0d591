"""Query parameters that advertising networks add to an address, to tell which click brought somebody there."""

__all__ = ["CLICK_IDS"]

CLICK_IDS = (
    # Google Ads, and its Display & Video 360
    "gclid",
    "gclsrc",
    "gbraid",
    "wbraid",
    "gad_source",
    "gad_campaignid",
    "dclid",
    # Meta, Microsoft, TikTok, X, LinkedIn, Instagram
    "fbclid",
    "msclkid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "igshid",
    # Mailchimp, impact.com, Reddit, Pinterest, Quora, Snapchat, Yandex
    "mc_cid",
    "irclid",
    "rdt_cid",
    "epik",
    "qclid",
    "sccid",
    "yclid",
)
"""One list for who reads them and who removes them."""
