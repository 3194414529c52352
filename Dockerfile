# The program in an image of its own: docker build --tag bowsprit .
#
# packaging/README.md says how it is run, and how its health is asked for.
FROM rust:1.95-bookworm AS build
WORKDIR /source
# .dockerignore lets in what a build needs, and nothing else.
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package bowsprit-cli && \
    install -D --strip target/release/bowsprit /image/usr/bin/bowsprit && \
    install -D --mode=644 --target-directory=/image/usr/share/doc/bowsprit LICENSE-MIT LICENSE-APACHE && \
    python3 -B packaging/licences.py >/image/usr/share/doc/bowsprit/THIRD-PARTY.md

# glibc, libgcc, the roots of certificates and a user without rights: no shell and no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image /
EXPOSE 9002
ENTRYPOINT ["/usr/bin/bowsprit"]
CMD ["--help"]
