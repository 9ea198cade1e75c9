"""The printed card (实体卡) for people without a phone: issued at a desk, copied easily, so worth less."""
