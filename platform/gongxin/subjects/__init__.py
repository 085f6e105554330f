"""subjects: __init__"""
