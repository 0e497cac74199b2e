# One image for every Python service; compose.yaml says which command each of them runs.
FROM node:24-slim AS web
WORKDIR /web
COPY services/web/package.json services/web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY services/web .
RUN npm run build

FROM python:3.13-slim

# In a container loopback is the container's own: what is published, and where, is compose.yaml's business.
ENV PYTHONUNBUFFERED=1 BIND_HOST=0.0.0.0
WORKDIR /taboor
# Debian's FFmpeg reads all that people upload; what is found is asked for what it can at the start of each worker.
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
RUN useradd --system --no-create-home taboor && install --directory --owner=taboor var

# A layer of its own: it is made again only when the list changes. Wheels alone, so that no compiler is needed.
COPY requirements/app.txt requirements/app.txt
RUN pip install --no-cache-dir --root-user-action=ignore --no-deps --require-hashes --only-binary=:all: \
    -r requirements/app.txt

# Owned by who runs it: a clone made under a strict umask must be readable here.
COPY --chown=taboor shared shared
COPY --chown=taboor services services
COPY --chown=taboor --from=web /web/dist services/web/dist
USER taboor
RUN python -m compileall -q shared services
