# Another release: the image with one more migration, which runs STATEMENT.
ARG IMAGE
FROM ${IMAGE}
ARG NAME
ARG STATEMENT
USER 0
COPY add-migration.mjs /tmp/
RUN node /tmp/add-migration.mjs "${NAME}" "${STATEMENT}"
USER 10001:10001
