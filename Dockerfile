# One image for web, worker and migrate; what it installs is what scripts/prepare installs natively.
FROM debian:13-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/reroll
COPY . .
RUN scripts/prepare && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/reroll/.venv/bin:$PATH
CMD ["reroll", "up"]
