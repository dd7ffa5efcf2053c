/// The types of service that every hub knows, as the file of an operator would say them
/// (`ServiceCatalogue` tells of its parts).
enum BuiltInServices {
  static let text = #"""
    {
      "vendors": {
        "nvidia": {
          "title": "an NVIDIA GPU",
          "accel": ["cuda", "optix", "nvenc"],
          "names": ["nvidia", "geforce", "rtx", "gtx", "quadro", "tesla", "titan", "a100", "a40",
            "a10", "h100", "h200", "b200", "gh200", "l4", "l40", "l40s", "v100", "t4", "p100"]
        }
      },
      "rules": [
        {
          "level": "warning", "field": "max_concurrent",
          "message": "the miner takes fewer jobs at once than this service offers",
          "need": {"component": "max_parallel", "at_least_field": "max_concurrent"}
        }
      ],
      "types": {
        "whisper": {
          "title": "Whisper",
          "description": "Speech to text",
          "price_field": "price_token_per_ksec",
          "pricing_fields": [
            {"name": "price_token_per_ksec", "title": "Price in matches",
              "unit": "tokens per 1,000 s"},
            {"name": "per_minute", "title": "Price of audio", "unit": "tokens per minute"}
          ],
          "config_fields": [
            {"name": "models", "kind": "texts", "title": "Models"},
            {"name": "default_model", "kind": "text", "title": "Default model"},
            {"name": "languages", "kind": "texts", "title": "Languages"},
            {"name": "max_duration_sec", "kind": "integer", "title": "Longest audio, in seconds",
              "min": 1, "max": 86400},
            {"name": "max_file_size_mb", "kind": "number", "title": "Largest file, in MB",
              "min": 0, "max": 1000000}
          ],
          "model_fields": ["config.models", "config.model", "config.default_model"],
          "models": [
            {"name": "tiny", "parameters_b": 0.039, "vram_gb": 1},
            {"name": "base", "parameters_b": 0.074, "vram_gb": 1},
            {"name": "small", "parameters_b": 0.244, "vram_gb": 2},
            {"name": "medium", "parameters_b": 0.769, "vram_gb": 5},
            {"name": "turbo", "parameters_b": 0.809, "vram_gb": 6},
            {"name": "large", "parameters_b": 1.55, "vram_gb": 10},
            {"name": "large-v2", "parameters_b": 1.55, "vram_gb": 10},
            {"name": "large-v3", "parameters_b": 1.55, "vram_gb": 10},
            {"name": "large-v3-turbo", "parameters_b": 0.809, "vram_gb": 6}
          ],
          "rules": [
            {
              "level": "warning",
              "message": "transcription without a GPU is many times slower",
              "need": {"component": "gpu"}
            },
            {
              "level": "warning",
              "message": "decoding audio wants main memory",
              "need": {"component": "ram_gb", "at_least": 4}
            }
          ],
          "template": {
            "enabled": true,
            "config": {"models": ["tiny", "base", "small"], "default_model": "base",
              "languages": ["en"], "max_duration_sec": 3600},
            "pricing": {"per_minute": 0.001},
            "capabilities": ["whisper", "speech-to-text"],
            "max_concurrent": 2
          }
        },
        "stable_diffusion": {
          "title": "Stable Diffusion",
          "description": "Images from text",
          "price_field": "price_token_per_ksec",
          "pricing_fields": [
            {"name": "price_token_per_ksec", "title": "Price in matches",
              "unit": "tokens per 1,000 s"},
            {"name": "per_image", "title": "Price of an image", "unit": "tokens per image"}
          ],
          "config_fields": [
            {"name": "models", "kind": "texts", "title": "Models"},
            {"name": "default_model", "kind": "text", "title": "Default model"},
            {"name": "max_resolution", "kind": "any", "title": "Largest resolution"},
            {"name": "resolutions", "kind": "texts", "title": "Resolutions"},
            {"name": "max_batch_size", "kind": "integer", "title": "Largest batch", "min": 1,
              "max": 1024},
            {"name": "max_steps", "kind": "integer", "title": "Most steps", "min": 1, "max": 10000}
          ],
          "model_fields": ["config.models", "config.model", "config.default_model"],
          "models": [
            {"name": "stable-diffusion-1.5", "parameters_b": 0.98, "vram_gb": 4},
            {"name": "stable-diffusion-2.1", "parameters_b": 1.3, "vram_gb": 6},
            {"name": "sd-1.5", "parameters_b": 0.98, "vram_gb": 4},
            {"name": "sd-2.1", "parameters_b": 1.3, "vram_gb": 6},
            {"name": "sdxl", "parameters_b": 3.5, "vram_gb": 8},
            {"name": "sdxl-turbo", "parameters_b": 3.5, "vram_gb": 8},
            {"name": "sd-3-medium", "parameters_b": 2, "vram_gb": 12},
            {"name": "sd-3.5-large", "parameters_b": 8.1, "vram_gb": 20},
            {"name": "flux.1-schnell", "parameters_b": 12, "vram_gb": 24},
            {"name": "flux.1-dev", "parameters_b": 12, "vram_gb": 24}
          ],
          "rules": [
            {
              "level": "error", "field": "enabled",
              "message": "Stable Diffusion needs 8 GB of GPU memory",
              "need": {"component": "gpu_vram_gb", "at_least": 8}
            },
            {
              "level": "warning", "field": "config.max_resolution",
              "message": "4K images want 16 GB of GPU memory",
              "when": [{"fields": ["config.max_resolution", "config.resolutions",
                "config.resolution"], "side_at_least": 3840}],
              "need": {"component": "gpu_vram_gb", "at_least": 16}
            },
            {
              "level": "warning", "field": "config.max_batch_size",
              "message": "batches of more than 4 images want 16 GB of GPU memory",
              "when": [{"fields": ["config.max_batch_size"], "at_least": 5}],
              "need": {"component": "gpu_vram_gb", "at_least": 16}
            },
            {
              "level": "warning",
              "message": "loading the models wants main memory",
              "need": {"component": "ram_gb", "at_least": 8}
            }
          ],
          "template": {
            "enabled": true,
            "config": {"models": ["sd-1.5", "sdxl"], "default_model": "sd-1.5",
              "max_resolution": "1024x1024", "max_batch_size": 1, "max_steps": 50},
            "pricing": {"per_image": 0.01},
            "capabilities": ["stable-diffusion", "text-to-image"],
            "max_concurrent": 1
          }
        },
        "llm_inference": {
          "title": "LLM inference",
          "description": "Text from large language models",
          "price_field": "price_token_per_ksec",
          "pricing_fields": [
            {"name": "price_token_per_ksec", "title": "Price in matches",
              "unit": "tokens per 1,000 s"},
            {"name": "per_1k_tokens", "title": "Price of text",
              "unit": "tokens per 1,000 tokens of text"}
          ],
          "config_fields": [
            {"name": "models", "kind": "texts", "title": "Models"},
            {"name": "default_model", "kind": "text", "title": "Default model"},
            {"name": "max_context_tokens", "kind": "integer", "title": "Longest context, in tokens",
              "min": 1, "max": 100000000},
            {"name": "max_tokens", "kind": "integer", "title": "Most tokens in an answer", "min": 1,
              "max": 100000000},
            {"name": "quantization", "kind": "text", "title": "Quantization"}
          ],
          "model_fields": ["config.models", "config.model", "config.default_model"],
          "model_sizes": [
            {"parameters_b": 1, "vram_gb": 2}, {"parameters_b": 3, "vram_gb": 4},
            {"parameters_b": 9, "vram_gb": 8}, {"parameters_b": 15, "vram_gb": 16},
            {"parameters_b": 24, "vram_gb": 24}, {"parameters_b": 35, "vram_gb": 32},
            {"parameters_b": 50, "vram_gb": 48}, {"parameters_b": 72, "vram_gb": 64},
            {"parameters_b": 125, "vram_gb": 112}, {"parameters_b": 185, "vram_gb": 160},
            {"parameters_b": 250, "vram_gb": 224}, {"parameters_b": 410, "vram_gb": 368},
            {"parameters_b": 700, "vram_gb": 640}
          ],
          "models": [],
          "rules": [
            {
              "level": "warning", "field": "enabled",
              "message": "inference without a GPU is many times slower",
              "need": {"component": "gpu"}
            },
            {
              "level": "warning", "field": "config.max_context_tokens",
              "message": "contexts of 32,768 tokens or more want 24 GB of GPU memory",
              "when": [{"fields": ["config.max_context_tokens"], "at_least": 32768}],
              "need": {"component": "gpu_vram_gb", "at_least": 24}
            },
            {
              "level": "warning",
              "message": "loading the models wants main memory",
              "need": {"component": "ram_gb", "at_least": 8}
            }
          ],
          "template": {
            "enabled": true,
            "config": {"models": ["llama-3.1-8b"], "default_model": "llama-3.1-8b",
              "max_context_tokens": 8192, "max_tokens": 2048},
            "pricing": {"per_1k_tokens": 0.002},
            "capabilities": ["llm", "text-generation"],
            "max_concurrent": 2
          }
        },
        "ffmpeg": {
          "title": "FFmpeg",
          "description": "Video and audio conversion",
          "price_field": "price_token_per_ksec",
          "pricing_fields": [
            {"name": "price_token_per_ksec", "title": "Price in matches",
              "unit": "tokens per 1,000 s"},
            {"name": "per_minute", "title": "Price of video", "unit": "tokens per minute"}
          ],
          "config_fields": [
            {"name": "codecs", "kind": "texts", "title": "Codecs"},
            {"name": "gpu_acceleration", "kind": "bool", "title": "GPU acceleration"},
            {"name": "max_resolution", "kind": "any", "title": "Largest resolution"},
            {"name": "max_duration_sec", "kind": "integer", "title": "Longest video, in seconds",
              "min": 1, "max": 864000}
          ],
          "models": [],
          "rules": [
            {
              "level": "warning", "field": "config.gpu_acceleration",
              "message": "GPU acceleration is switched on, and there is no GPU",
              "when": [{"fields": ["config.gpu_acceleration", "config.hardware_acceleration",
                "config.hwaccel"], "set": true}],
              "need": {"component": "gpu"}
            },
            {
              "level": "warning", "field": "config.codecs",
              "message": "NVENC codecs want an NVIDIA GPU",
              "when": [{"fields": ["config.codecs", "config.codec"], "contains": ["nvenc"]}],
              "need": {"component": "gpu_vendor", "is": "nvidia"}
            },
            {
              "level": "warning", "field": "config.max_resolution",
              "message": "4K video wants 8 CPU cores",
              "when": [{"fields": ["config.max_resolution"], "side_at_least": 3840}],
              "need": {"component": "cpu_cores", "at_least": 8}
            },
            {
              "level": "warning",
              "message": "conversion wants 4 CPU cores",
              "need": {"component": "cpu_cores", "at_least": 4}
            }
          ],
          "template": {
            "enabled": true,
            "config": {"codecs": ["h264", "hevc", "vp9"], "gpu_acceleration": false,
              "max_resolution": "1920x1080", "max_duration_sec": 7200},
            "pricing": {"per_minute": 0.005},
            "capabilities": ["ffmpeg", "transcoding"],
            "max_concurrent": 2
          }
        },
        "blender": {
          "title": "Blender",
          "description": "Rendered frames",
          "price_field": "price_token_per_ksec",
          "pricing_fields": [
            {"name": "price_token_per_ksec", "title": "Price in matches",
              "unit": "tokens per 1,000 s"},
            {"name": "per_frame", "title": "Price of a frame", "unit": "tokens per frame"}
          ],
          "config_fields": [
            {"name": "engine", "kind": "text", "title": "Render engine"},
            {"name": "engines", "kind": "texts", "title": "Render engines"},
            {"name": "max_samples", "kind": "integer", "title": "Most samples", "min": 1,
              "max": 1000000},
            {"name": "max_resolution", "kind": "any", "title": "Largest resolution"}
          ],
          "models": [],
          "rules": [
            {
              "level": "warning", "field": "config.engine",
              "message": "Cycles renders best on an NVIDIA GPU",
              "when": [{"fields": ["config.engine", "config.engines", "config.render_engine"],
                "contains": ["cycles"]}],
              "need": {"component": "gpu_vendor", "is": "nvidia"}
            },
            {
              "level": "warning", "field": "config.max_resolution",
              "message": "4K frames want 12 GB of GPU memory",
              "when": [{"fields": ["config.max_resolution"], "side_at_least": 3840}],
              "need": {"component": "gpu_vram_gb", "at_least": 12}
            },
            {
              "level": "warning",
              "message": "scenes want main memory",
              "need": {"component": "ram_gb", "at_least": 16}
            }
          ],
          "template": {
            "enabled": true,
            "config": {"engine": "cycles", "max_samples": 256, "max_resolution": "1920x1080"},
            "pricing": {"per_frame": 0.02},
            "capabilities": ["blender", "rendering"],
            "max_concurrent": 1
          }
        }
      }
    }
    """#
}
