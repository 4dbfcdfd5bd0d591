"""The broker and the ClickHouse that come with the package, for a laptop and for tests."""
