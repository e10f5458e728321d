"""Serving a model over HTTP: `python -m tracker serve models:/digits@champion`.

    request ─► limits.py ─► app.py (routes) ─► batching.py ─► model.py
                              │                                  ▲
                      protocol.py (bodies)      champion.py swaps it when the alias moves

Needs the extra `serving` (starlette, uvicorn, onnxruntime). Only formats that hold no code are
loaded: ONNX, torch's exported programs, XGBoost's and LightGBM's own files.
"""
