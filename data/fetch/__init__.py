"""Public files: where they are, how they come here whole, how archives are unpacked safely."""
