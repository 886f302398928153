"""Compare the learned representations of image classifiers."""
