"""access: __init__"""
