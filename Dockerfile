# Three images from one file:
#   docker build --target producer .   what needs no model: migrations, schedule, producers
#   docker build --target cpu .        a worker on a CPU, without torch on x86
#   docker build --target cuda .       a worker on an NVIDIA GPU
# Everything is installed by stages that are thrown away; what is left is Python, one folder of packages and a user.

FROM python:3.12.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# pip stays here: what it installs into has none.
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/moodmill
ENV PATH=/opt/pip/bin:$PATH PIP_PYTHON=/opt/moodmill
COPY constraints.txt .

FROM build AS wheel
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels .

# The one package without wheels for Linux on ARM: there it is compiled.
FROM build AS compiled
RUN [ "$(uname -m)" = x86_64 ] || { apt-get update && apt-get install --yes --no-install-recommends g++; }
RUN pip wheel --no-deps --constraint constraints.txt --wheel-dir /compiled pycld2

# Wheels only, so that nothing has to be compiled; each in the version that the test suite passed with.
FROM build AS build-producer
COPY --from=wheel /wheels /wheels
RUN pip install --only-binary :all: --constraint constraints.txt "$(ls /wheels/*.whl)[traces]"
# The model is the workers'.
RUN rm -r /opt/moodmill/lib/python3.*/site-packages/moodmill/worker/bundled

# OpenVINO runs models on x86 alone; elsewhere torch does. PyPI's torch for Linux brings CUDA: some gigabytes that a CPU has
# no use for. Of OpenVINO's plugins the processor's is used, and graphs are made by us or read as its own files.
FROM build AS build-cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN [ "$(uname -m)" = x86_64 ] || pip install --no-deps --index-url "$TORCH_INDEX" --constraint constraints.txt torch
COPY --from=compiled /compiled /compiled
COPY --from=wheel /wheels /wheels
RUN [ "$(uname -m)" = x86_64 ] && extra=cpu || extra=worker; \
    pip install --only-binary :all: --find-links /compiled --constraint constraints.txt "$(ls /wheels/*.whl)[$extra,traces]" && \
    rm -f /opt/moodmill/lib/python3.*/site-packages/openvino/libs/libopenvino_intel_[gn]pu_plugin.so \
        /opt/moodmill/lib/python3.*/site-packages/openvino/libs/cache.json

# The same on a GPU, but for PyPI's torch. First torch alone: that layer stays when the code changes.
FROM build AS build-cuda
RUN pip install --only-binary :all: --constraint constraints.txt torch
COPY --from=compiled /compiled /compiled
COPY --from=wheel /wheels /wheels
RUN pip install --only-binary :all: --find-links /compiled --constraint constraints.txt "$(ls /wheels/*.whl)[worker,traces]"

FROM python:3.12.13-slim-bookworm AS run
# Its folder holds what is kept: fetched models, what is fastest on this CPU, spooled input. A new volume takes its owner.
RUN useradd --uid 10001 --user-group --create-home moodmill
# Nothing gets installed here. And the base image comes without compiled modules of Python's own, which nobody could write
# at run time: each health check would compile them anew.
RUN cd /usr/local/lib/python3.*/ && rm -rf ensurepip site-packages/* /usr/local/bin/pip* && python -m compileall -q -x /tests/ .
ENV PATH=/opt/moodmill/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /home/moodmill
VOLUME /home/moodmill
USER 10001:10001
ENTRYPOINT ["moodmill"]
CMD ["--help"]

FROM run AS producer
COPY --from=build-producer /opt/moodmill /opt/moodmill

FROM run AS cpu
COPY --from=build-cpu /opt/moodmill /opt/moodmill

# No image of NVIDIA's below it: torch brings the CUDA libraries, and the container engine the driver.
FROM run AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-cuda /opt/moodmill /opt/moodmill
