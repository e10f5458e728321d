"""Queries worth keeping, as one-click examples."""

from __future__ import annotations

RECIPES = {
    "Newest runs": """\
SELECT name, status,
       datetime(start_time / 1000, 'unixepoch', 'localtime') AS started,
       round((end_time - start_time) / 1000.0, 1) AS seconds
FROM runs
WHERE lifecycle_stage = 'active'
ORDER BY start_time DESC
LIMIT 20""",
    "Best by accuracy": """\
SELECT runs.name, latest_metrics.key AS metric, round(latest_metrics.value, 4) AS value
FROM latest_metrics
JOIN runs ON runs.run_uuid = latest_metrics.run_uuid
WHERE latest_metrics.key LIKE '%accuracy'
      AND latest_metrics.is_nan = 0 AND runs.lifecycle_stage = 'active'
ORDER BY latest_metrics.value DESC
LIMIT 20""",
    "Best epoch of every run": """\
SELECT runs.name, metrics.step AS epoch, MIN(metrics.value) AS val_loss
FROM metrics
JOIN runs ON runs.run_uuid = metrics.run_uuid
WHERE metrics.key = 'val_loss' AND metrics.is_nan = 0
GROUP BY metrics.run_uuid
ORDER BY val_loss
LIMIT 20""",
    "Sharp against blurred": """\
SELECT runs.name, round(sharp.value, 4) AS sharp, round(blurred.value, 4) AS blurred
FROM runs
JOIN latest_metrics AS sharp
     ON sharp.run_uuid = runs.run_uuid AND sharp.key = 'test_accuracy'
JOIN latest_metrics AS blurred
     ON blurred.run_uuid = runs.run_uuid AND blurred.key = 'test_blurred_accuracy'
WHERE runs.lifecycle_stage = 'active'
ORDER BY blurred.value DESC
LIMIT 200""",
    "Parameters side by side": """\
SELECT params.key, group_concat(DISTINCT params.value) AS "values", COUNT(*) AS runs
FROM params
JOIN runs ON runs.run_uuid = params.run_uuid
WHERE runs.lifecycle_stage = 'active'
GROUP BY params.key
HAVING COUNT(DISTINCT params.value) > 1""",
    "One learning curve": """\
SELECT step, MAX(CASE WHEN key = 'train_loss' THEN value END) AS train_loss,
       MAX(CASE WHEN key = 'val_loss' THEN value END) AS val_loss
FROM metrics
WHERE run_uuid = (SELECT run_uuid FROM runs ORDER BY start_time DESC LIMIT 1)
      AND key IN ('train_loss', 'val_loss')
GROUP BY step
ORDER BY step""",
    "Who used which data": """\
SELECT datasets.name AS data_set, datasets.digest, input_tags.value AS used_for, runs.name AS run
FROM inputs
JOIN datasets ON datasets.dataset_uuid = inputs.source_id
JOIN runs ON runs.run_uuid = inputs.destination_id
LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid
WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN'
ORDER BY datasets.name, runs.start_time""",
    "Runs that failed": """\
SELECT runs.name, datetime(runs.start_time / 1000, 'unixepoch', 'localtime') AS started,
       tags.value AS why
FROM runs
LEFT JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'tracker.failure_reason'
WHERE runs.status IN ('FAILED', 'KILLED')
ORDER BY runs.start_time DESC""",
}
