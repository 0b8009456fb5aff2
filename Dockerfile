# One image that serves, migrates and backs up. The release workflow gives NODE_IMAGE with its digest.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Dependencies first: they change less often than the code. The script is part of their installation.
COPY package.json package-lock.json ./
COPY scripts/postinstall.mjs scripts/
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY migrations migrations/
COPY src src/
# Node 20's driver is sources for a compiler; --omit=optional would take other packages' binaries, too.
RUN npm run build && npm prune --omit=dev --no-audit --no-fund && rm -rf node_modules/better-sqlite3-node20 dist/.tsbuildinfo

FROM ${NODE_IMAGE}
# The space for new objects is let grow to 24 MiB, not 48: it stays as large as starting made it.
ENV NODE_ENV=production HOST=0.0.0.0 NODE_OPTIONS=--max-semi-space-size=8
WORKDIR /app
# The code is root's, and the account that runs it writes /data and /tmp alone. Defaults such as ./data lead there.
RUN install -d -o 10001 -g 10001 /data && ln -s /data data && ln -s /app/dist/src/cli.js /usr/local/bin/ecatalog
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules/
COPY --from=build /app/migrations/*.json migrations/
COPY --from=build --chmod=755 /app/dist dist/
USER 10001:10001
VOLUME /data
EXPOSE 3000 9464
# For Compose; Kubernetes asks by itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/ready`).then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main.js"]

ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="LTP Labs E-Catalog" \
      org.opencontainers.image.description="Shows software demos to outside clients for a limited time" \
      org.opencontainers.image.vendor="LTP Labs" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
