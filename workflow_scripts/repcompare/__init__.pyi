from repcompare.api import attack as attack
from repcompare.api import compare as compare
from repcompare.api import compare_all as compare_all
from repcompare.api import fit_map as fit_map
from repcompare.api import r2_score as r2_score

__all__ = ["attack", "compare", "compare_all", "fit_map", "r2_score"]
