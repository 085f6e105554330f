"""disclosure: __init__"""
