# PostgreSQL as Debian has it, for a test: one database, one role, its password from POSTGRES_PASSWORD.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends postgresql-15 >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/15 \
 && usermod --uid 10002 postgres && chown -R postgres /var/lib/postgresql /var/run/postgresql
COPY start-postgres /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
USER 10002
CMD ["start-postgres"]
