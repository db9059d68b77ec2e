"""Documents and what hangs on them: sections, boxes of OCR lines, and the account of what was read."""
