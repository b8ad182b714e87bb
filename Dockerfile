FROM python:3.11-slim-bookworm AS build
COPY . /source
RUN python -m venv /opt/bellwether && /opt/bellwether/bin/pip install --no-cache-dir '/source[demo]'

FROM python:3.11-slim-bookworm
# A user with a name: the demo's PostgreSQL does not run as root, nor as a number without one.
RUN useradd --system --uid 11042 --no-create-home --shell /usr/sbin/nologin bellwether
COPY --from=build /opt/bellwether /opt/bellwether
USER bellwether
EXPOSE 11042
ENTRYPOINT ["/opt/bellwether/bin/bellwether"]
CMD ["run", "--web.listen-address", "0.0.0.0:11042"]
