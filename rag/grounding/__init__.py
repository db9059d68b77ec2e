"""Whether passages support an answer: citation marks, evidence, verification."""
