"""Inverted index of terms: postings, segments, and BM25 scored over them."""
