package doctor

// Cause is why a request with a credential fails.
type Cause string

// The causes that the doctor finds.
const (
	Unreachable     Cause = "unreachable"
	Certificate     Cause = "certificate"
	Redirect        Cause = "redirect"
	NotAnAPI        Cause = "not_an_api"
	TLSNotSeen      Cause = "tls_not_seen"
	Stripped        Cause = "authorization_stripped"
	NoEffect        Cause = "no_effect"
	Disabled        Cause = "disabled"
	DisabledForUser Cause = "disabled_for_user"
	WrongLogin      Cause = "wrong_login"
	WrongSecret     Cause = "wrong_secret"
	WrongCredential Cause = "wrong_login_or_secret"
	Expired         Cause = "expired"
	UsedUp          Cause = "used_up"
	Unused          Cause = "unused"
	OutOfScope      Cause = "out_of_scope"
	OutOfNetwork    Cause = "out_of_network"
	Throttled       Cause = "throttled"
	Clock           Cause = "clock"
	Broken          Cause = "broken"
	Refused         Cause = "refused"
)

// firstExitStatus leaves room for what shells and the program itself use.
const firstExitStatus = 10

// Causes lists all causes in the order of their exit statuses. Append new ones at the end.
func Causes() []Cause {
	return []Cause{
		Unreachable, Certificate, Redirect, NotAnAPI, TLSNotSeen, Stripped, NoEffect, Disabled, DisabledForUser,
		WrongLogin, WrongSecret, WrongCredential, Expired, UsedUp, Unused, OutOfScope, OutOfNetwork, Throttled,
		Clock, Broken, Refused,
	}
}

// ExitStatus is 10 or more, and 1 for an unknown cause.
func (c Cause) ExitStatus() int {
	for i, known := range Causes() {
		if c == known {
			return firstExitStatus + i
		}
	}
	return 1
}

// Advice says what to do about a cause, in English.
func (c Cause) Advice() string {
	switch c {
	case Unreachable:
		return "Check the host and the port, that the server runs, and that a firewall does not block you."
	case Certificate:
		return "Serve a certificate that is valid for this host, with its whole chain. Clients refuse before they send anything. For an authority of your own, name its file to doctor in SSL_CERT_FILE."
	case Redirect:
		return "Give clients the address that the redirect leads to: most of them leave Authorization out when they are sent elsewhere, so that the request arrives without a credential."
	case NotAnAPI:
		return "Give the address of the site, of its API (…/wp-json/), or of something that application passwords guard."
	case TLSNotSeen:
		return "Have the proxy that does TLS send X-Forwarded-Proto: https, and name that proxy with --trusted-proxy (on WordPress, wp-config.php must set $_SERVER['HTTPS'] for it)."
	case Stripped:
		return "Have whatever is in front of the server pass the header Authorization on. Apache with CGI: \"CGIPassAuth On\"; nginx with FastCGI: \"fastcgi_param HTTP_AUTHORIZATION $http_authorization\"; a proxy with a sign-in of its own must leave this path out."
	case NoEffect:
		return "Either Authorization does not arrive, or the credential is wrong: this server does not tell which."
	case Disabled:
		return "Switch application passwords on. WordPress switches them off by itself where it does not see HTTPS: see tls_not_seen."
	case DisabledForUser:
		return "The operator has switched application passwords off for this user, or for their role."
	case WrongLogin:
		return "Check how the login is spelled, or use the e-mail address. It is the login that counts, not the name that is shown."
	case WrongSecret:
		return "Make a new application password and copy it whole. The password for signing in is never accepted here."
	case WrongCredential:
		return "Check the login, and make a new application password if in doubt. The password for signing in is never accepted here. \"sparekey user application-password list <login>\" shows what there is on a Sparekey server."
	case Expired:
		return "Make a new application password, or rotate it before it ends."
	case UsedUp:
		return "Make a new application password: this one was good for a number of uses."
	case Unused:
		return "Make a new application password: the site ends unused ones."
	case OutOfScope:
		return "\"sparekey user application-password explain\" says what it may do. Make one with the scopes that are needed."
	case OutOfNetwork:
		return "Use it from one of its networks. If you do, the server takes a proxy for you: name that with --trusted-proxy, and have it send X-Forwarded-For."
	case Throttled:
		return "Use a right application password, which Sparekey accepts at once. Find the program that still sends a wrong one: the server's log has its address."
	case Clock:
		return "Set both clocks by NTP. Application passwords with an end go by the server's."
	case Broken:
		return "The server could not answer. Its log, and /readyz, say why."
	case Refused:
		return "The server's own message is above."
	}
	return ""
}
