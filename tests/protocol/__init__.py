"""Every command, response and capability of the protocol in one table, and the document made from it."""
