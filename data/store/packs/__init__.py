"""Packs: the files of many cells in a few, so that a large store does not have two files per cell.

What a pack is says pack.py, how names of a store lead into packs view.py, how packs are made compact.py.
"""
