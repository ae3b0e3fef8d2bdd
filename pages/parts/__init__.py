"""What several pages are made of: the frame around a page, its style, rows and charts."""
