package config

import "fmt"

// MetricsSettings say where Prometheus finds the metrics.
type MetricsSettings struct {
	MetricsListen string `help:"Address and port to serve metrics for Prometheus on, at /metrics, such as 127.0.0.1:9090. Default: none are served." env:"SPAREKEY_METRICS_LISTEN" placeholder:"ADDRESS" group:"Metrics"`
	MetricsPublic bool   `help:"Let --metrics-listen be an address that other machines reach. The metrics have no authentication." env:"SPAREKEY_METRICS_PUBLIC" group:"Metrics"`
}

// validate is part of Server.Validate.
func (s MetricsSettings) validate() error {
	if s.MetricsListen == "" {
		return nil
	}
	host, err := hostToListenOn("metrics-listen", s.MetricsListen, "127.0.0.1:9090")
	switch {
	case err != nil:
		return err
	case !isLoopback(host) && !s.MetricsPublic:
		return fmt.Errorf("--metrics-listen %s can be read by other machines: use 127.0.0.1, or add --metrics-public if that is meant", s.MetricsListen)
	}
	return nil
}
