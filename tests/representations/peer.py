"""The reference's features and sequences once more, plainly and slowly.

Written from the description of the reference alone, with pandas and Python loops, so
that it shares no idea with the package but the words: what both say is compared.
"""

import warnings

import numpy as np
import pandas as pd

PER_BAND = {
    "flux": ["min", "max", "mean", "median", "std", "sum", "skew"],
    "flux_err": ["min", "max", "mean", "skew"],
    "detected": ["mean", "std", "sum"],
    "flux_ratio_sq": ["mean", "sum", "skew"],
    "flux_by_flux_ratio_sq": ["mean", "sum", "skew"],
}
TOGETHER = {
    "flux": ["min", "max", "mean", "median", "std", "sum", "skew"],
    "flux_err": ["min", "max", "mean", "median", "std", "sum", "skew"],
    "detected": ["mean", "skew", "median", "sum"],
    "flux_ratio_sq": ["min", "max", "mean", "sum", "skew"],
    "flux_by_flux_ratio_sq": ["min", "max", "mean", "sum", "skew"],
}
DROPPED = (
    "flux_max_2 flux_median_0 flux_median_4 flux_err_skew_1 flux_err_skew_3 detected_mean_4 "
    "detected_std_3 detected_std_4 detected_sum_4 flux_ratio_sq_mean_4 flux_ratio_sq_sum_3 "
    "flux_ratio_sq_sum_4 flux_median flux_err_skew flux_ratio_sq_sum mjd_pb5"
).split()


def features(observations, metadata, n_bands, drop):
    """Return the features, one row an object, columns in order, NaN where undefined."""
    table = observations.copy()
    table["detected"] = table["detected"].astype(float)
    table["flux_ratio_sq"] = (table["flux"] / table["flux_err"]) ** 2
    table["flux_by_flux_ratio_sq"] = table["flux"] * table["flux_ratio_sq"]
    ids = metadata.index
    columns = {}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        by_band = table.groupby(["object_id", "passband"]).agg(PER_BAND)
        for column, statistics in PER_BAND.items():
            for statistic in statistics:
                for band in range(n_bands):
                    one = by_band[(column, statistic)]
                    one = one[one.index.get_level_values("passband") == band].droplevel("passband")
                    columns[f"{column}_{statistic}_{band}"] = one.reindex(ids)
        for name in metadata.columns:
            columns[name] = metadata[name]

        together = table.groupby("object_id").agg(TOGETHER)
        columns["mjd_size"] = table.groupby("object_id").size().reindex(ids)
        for column, statistics in TOGETHER.items():
            for statistic in statistics:
                columns[f"{column}_{statistic}"] = together[(column, statistic)].reindex(ids)
        difference = columns["flux_max"] - columns["flux_min"]
        mean = columns["flux_by_flux_ratio_sq_sum"] / columns["flux_ratio_sq_sum"]
        columns["flux_diff"] = difference
        columns["flux_dif2"] = difference / columns["flux_mean"]
        columns["flux_w_mean"] = mean
        columns["flux_dif3"] = difference / mean

        detected = table[table["detected"] == 1]
        columns["mjd_global_diff"] = time_span(detected, ids)
        for band in range(n_bands):
            # Undefined, as every feature of a passband is, where it was never observed.
            seen = table.loc[table["passband"] == band, "object_id"].unique()
            span = time_span(detected[detected["passband"] == band], ids)
            columns[f"mjd_pb{band}"] = span.where(span.index.isin(seen))
        groups = detected.groupby("object_id")
        ratio, by_ratio = "flux_ratio_sq", "flux_by_flux_ratio_sq"
        for name, values in {
            "flux_det_mean": groups["flux"].mean(),
            "flux_det_skew": groups["flux"].skew(),
            "flux_ratio_sq_det_mean": groups[ratio].mean(),
            "flux_by_flux_ratio_sq_det_mean": groups[by_ratio].mean(),
            "flux_by_flux_ratio_sq_det_skew": groups[by_ratio].skew(),
            "flux_diff_det": groups["flux"].max() - groups["flux"].min(),
            "flux_ratio_sq_diff_det": groups[ratio].max() - groups[ratio].min(),
            "flux_by_flux_ratio_sq_diff_det": groups[by_ratio].max() - groups[by_ratio].min(),
        }.items():
            columns[name] = values.reindex(ids)
    result = pd.DataFrame(columns, index=ids).replace([np.inf, -np.inf], np.nan)
    return result.drop(columns=DROPPED) if drop else result


def time_span(detected, ids):
    times = detected.groupby("object_id")["mjd"]
    return (times.max() - times.min()).reindex(ids).fillna(0.0)


def sequences(observations, n_bands, night_length=0.33):
    """Return object id -> ``(T, 2 B + 1)`` nightly rows."""
    result = {}
    # Equal errors are not mentioned in the description: the earliest, then the lower
    # flux, is this project's choice.
    order = ["object_id", "mjd", "passband", "flux_err", "flux"]
    for object_id, table in observations.sort_values(order).groupby("object_id"):
        nights = []
        for row in table.itertuples():
            if not nights or row.mjd - nights[-1]["start"] > night_length:
                nights.append({"start": row.mjd, "best": {}})
            best = nights[-1]["best"]
            if row.passband not in best or row.flux_err < best[row.passband][1]:
                best[row.passband] = (row.flux, row.flux_err)
        start = np.array([night["start"] for night in nights])
        channels = []
        for position in (0, 1):
            for band in range(n_bands):
                seen = [k for k, night in enumerate(nights) if band in night["best"]]
                if seen:
                    values = [nights[k]["best"][band][position] for k in seen]
                    channels.append(np.interp(start, start[seen], values))
                else:
                    channels.append(np.zeros(len(nights)))
        channels.append(np.diff(start, prepend=start[0]))
        result[object_id] = np.stack(channels, axis=1)
    return result
