"""The synthetic publisher: a small world with ground truth, published in FFHQ-UV's own archive layout."""
