"""HTML pages and SVG charts that every report is made of."""
