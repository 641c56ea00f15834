"""Predictions made elsewhere: from a user's table to a store on which every analysis works."""
