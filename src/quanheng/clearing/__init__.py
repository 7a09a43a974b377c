"""The clearing house (中国结算): settlement prices, netting, margin and cash at day end."""
