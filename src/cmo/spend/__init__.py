"""Money: prices, the ladder, the budget that calls are made under, and what it went into."""

from cmo.spend.analysis import Advice, CostReport, analyse
from cmo.spend.budget import Account, Budget, NearlySpent, log_alert
from cmo.spend.ladder import Ladder, Rung
from cmo.spend.prices import OwnPrices, Price, PriceList
from cmo.spend.purse import Purse, paying

__all__ = [
    "Account",
    "Advice",
    "Budget",
    "CostReport",
    "Ladder",
    "NearlySpent",
    "OwnPrices",
    "Price",
    "PriceList",
    "Purse",
    "Rung",
    "analyse",
    "log_alert",
    "paying",
]
