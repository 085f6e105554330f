"""members: __init__"""
