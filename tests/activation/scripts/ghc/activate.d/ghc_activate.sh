ghc-pkg recache
