"""access: queries"""
