"""The documentation: pages that are made of declarations, and the site that all pages become."""
