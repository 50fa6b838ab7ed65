# Gemtap as an image: `docker compose up` builds and runs it, with MongoDB beside it.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python3 -m venv /opt/gemtap
# `demo` adds what `gemtap demo` needs, `extras` what `--scrub`, Parquet and OpenID Connect need.
ARG REQUIREMENTS=run
COPY requirements/${REQUIREMENTS}.txt requirements/
RUN /opt/gemtap/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/${REQUIREMENTS}.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/gemtap/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.13-slim
# A fixed id, so that the volume's files belong to the same user in every later image.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin gemtap \
    && install --directory --owner gemtap --group gemtap --mode 0700 /data
COPY --from=build /opt/gemtap /opt/gemtap
ENV PATH=/opt/gemtap/bin:$PATH \
    GEMTAP_DATA_DIR=/data \
    GEMTAP_HOST=0.0.0.0
USER gemtap
WORKDIR /data
VOLUME /data
EXPOSE 4360 4361
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["gemtap", "health"]
ENTRYPOINT ["gemtap"]
CMD ["serve"]
