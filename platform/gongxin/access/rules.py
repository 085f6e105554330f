"""access: rules"""
