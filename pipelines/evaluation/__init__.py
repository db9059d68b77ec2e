"""``rag evaluate`` and ``rag calibrate`` as functions: default metrics, baselines, calibration, reports."""
