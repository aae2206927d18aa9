package wordpress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Bounds on how long a database that does not answer is waited for. A lock is
// given up before the connection is, so that the latter can be used again.
const (
	dialTimeout     = 3 * time.Second
	answerTimeout   = 5 * time.Second
	lockTimeout     = "4" // seconds
	connectionLife  = 3 * time.Minute
	defaultPoolSize = 16
	maxPoolSize     = 512
)

// target is what a URL names.
type target struct {
	driver *mysql.Config
	prefix string
	pool   int
	hashes hashChoice
}

// parameters are what may stand behind the question mark of a URL.
var parameters = []string{"prefix", "tls", "charset", "pool", "hashes", "socket"} //nolint:gochecknoglobals // a constant

// prefixPattern is what WordPress allows.
var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,40}$`)

// parseURL reads the URL of a database. Its errors do not repeat the URL, which
// has a password in it.
func parseURL(rawURL string) (target, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "wordpress" || u.Opaque != "" {
		return target{}, errors.New("the database must be a URL such as wordpress://user:password@127.0.0.1:3306/database?prefix=wp_ " +
			"(write characters such as @ / : # % in the password as %40 %2F %3A %23 %25)")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return target{}, errors.New("what stands behind the question mark of the database's URL cannot be read")
	}
	for name := range query {
		if !slices.Contains(parameters, name) {
			return target{}, fmt.Errorf("the database's URL has the unknown parameter %q: there are %s", name, strings.Join(parameters, ", "))
		}
	}
	t := target{prefix: withDefault(query.Get("prefix"), "wp_")}
	if !prefixPattern.MatchString(t.prefix) {
		return target{}, errors.New("?prefix= must be the $table_prefix of wp-config.php: letters, digits and underscores")
	}
	if t.pool, err = strconv.Atoi(withDefault(query.Get("pool"), strconv.Itoa(defaultPoolSize))); err != nil || t.pool < 2 || t.pool > maxPoolSize {
		return target{}, fmt.Errorf("?pool= must be how many connections there may be, from 2 to %d", maxPoolSize)
	}
	if t.hashes, err = parseHashChoice(query.Get("hashes")); err != nil {
		return target{}, err
	}
	t.driver, err = driverConfig(u, query)
	return t, err
}

func withDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// driverConfig says how to connect.
func driverConfig(u *url.URL, query url.Values) (*mysql.Config, error) {
	c := mysql.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.DBName = strings.TrimPrefix(u.Path, "/")
	if c.DBName == "" || strings.Contains(c.DBName, "/") {
		return nil, errors.New("the database's URL must name the database behind the host, as in wordpress://user:password@host/database")
	}
	c.Net, c.Addr = "tcp", u.Host
	if socket := query.Get("socket"); socket != "" {
		c.Net, c.Addr = "unix", socket
	} else if u.Hostname() == "" {
		return nil, errors.New("the database's URL must name a host, or a Unix socket with ?socket=")
	} else if u.Port() == "" {
		c.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	var err error
	if c.TLSConfig, err = tlsMode(query.Get("tls"), c.Net == "unix" || isLoopback(u.Hostname())); err != nil {
		return nil, err
	}
	charset := withDefault(query.Get("charset"), "utf8mb4")
	collation := charset + "_bin"
	if !slices.Contains([]string{"utf8mb4", "utf8", "utf8mb3", "latin1"}, charset) {
		return nil, errors.New("?charset= must be the DB_CHARSET of wp-config.php: utf8mb4, utf8, utf8mb3 or latin1")
	}
	if err := c.Apply(mysql.Charset(charset, collation)); err != nil {
		return nil, err
	}
	c.ParseTime, c.Loc = true, time.UTC
	c.ClientFoundRows = true // so that an UPDATE tells whether the row was there
	c.Timeout, c.ReadTimeout, c.WriteTimeout = dialTimeout, answerTimeout, answerTimeout
	c.MaxAllowedPacket = 0 // ask the server: rows can be large
	c.Logger = &mysql.NopLogger{}
	c.Params = map[string]string{"innodb_lock_wait_timeout": lockTimeout, "sql_mode": "'STRICT_ALL_TABLES'"}
	return c, nil
}

// tlsMode is how the connection is encrypted. Where nothing is said, one that
// leaves the machine is if the server can.
func tlsMode(said string, local bool) (string, error) {
	switch {
	case said == "" && local:
		return "false", nil
	case said == "":
		return "preferred", nil
	case slices.Contains([]string{"true", "false", "preferred", "skip-verify"}, said):
		return said, nil
	}
	return "", errors.New("?tls= must be true, false, preferred or skip-verify")
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
