"""cases: __init__"""
