package modfetch

// OracleProxy fails if go cannot use url as a module proxy.
func OracleProxy(url, path string) error {
	_, err := newProxyRepo(url, path)
	return err
}
