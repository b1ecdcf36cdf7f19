# shellcheck shell=bash disable=SC2034
# libarchive: Debian's archive pulls in nettle, acl, libxml2 and ICU. Ours reads zip and tar with zstd, bzip2, xz, zlib.
package=libarchive
minimum=3.6
build() {
  local off=() feature
  for feature in OPENSSL MBEDTLS NETTLE LIBB2 LZ4 LZO LIBXML2 EXPAT ICONV ACL XATTR TAR CPIO CAT UNZIP TEST \
    PCREPOSIX PCRE2POSIX; do
    off+=("-DENABLE_$feature=OFF")
  done
  cmake_build "${off[@]}" -DENABLE_WERROR=OFF -DPOSIX_REGEX_LIB=NONE
}
