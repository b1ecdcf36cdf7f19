# shellcheck shell=bash disable=SC2034
# curl: Debian's archive needs gssapi, ldap, ssh2 and more, and resolves names through libc, which a static program must
# not do. Ours speaks HTTP only, resolves with c-ares, has no built-in CA path and never reads an openssl.cnf.
package=curl
minimum=7.88
build() {
  cmake_build -DHTTP_ONLY=ON -DENABLE_ARES=ON -DUSE_NGHTTP2=ON -DCURL_ZSTD=ON -DCURL_BROTLI=OFF \
    -DCURL_USE_OPENSSL=ON -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF -DUSE_LIBIDN2=OFF -DCURL_DISABLE_LDAP=ON \
    -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none -DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON \
    -DBUILD_CURL_EXE=OFF -DBUILD_LIBCURL_DOCS=OFF -DBUILD_MISC_DOCS=OFF -DENABLE_CURL_MANUAL=OFF \
    -DBUILD_STATIC_LIBS=ON -DCURL_USE_PKGCONFIG=OFF -DBUILD_TESTING=OFF
}
