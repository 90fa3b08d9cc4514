# Installing, and the Debian package.
.PHONY: install deb
install: all ## install into DESTDIR/PREFIX
	install -D -m 755 $(BUILD)/restante $(DESTDIR)$(PREFIX)/sbin/restante
	install -D -m 755 $(BUILD)/restantectl $(DESTDIR)$(PREFIX)/sbin/restantectl
	for role in $(ROLES); do \
		install -D -m 755 $(BUILD)/restante-$$role $(DESTDIR)$(PREFIX)/lib/restante/restante-$$role; done
	test -e $(DESTDIR)$(SYSCONFDIR)/restante/restante.conf || \
		install -D -m 640 etc/restante.conf $(DESTDIR)$(SYSCONFDIR)/restante/restante.conf
	for page in restante restantectl restante-smtpd restante-apid; do \
		install -D -m 644 man/$$page.8 $(DESTDIR)$(PREFIX)/share/man/man8/$$page.8 || exit 1; done
	install -D -m 644 etc/completion/restantectl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/restantectl
	install -D -m 644 etc/prometheus/restante.rules.yml $(DESTDIR)$(PREFIX)/share/doc/restante/restante.rules.yml
	install -D -m 644 etc/redis/restante-redis.conf $(DESTDIR)$(PREFIX)/share/doc/restante/restante-redis.conf
	install -D -m 644 etc/logrotate/restante $(DESTDIR)$(PREFIX)/share/doc/restante/logrotate
	install -D -m 644 etc/grafana/restante.json $(DESTDIR)$(PREFIX)/share/doc/restante/restante-dashboard.json
	install -D -m 644 man/restante-api.7 $(DESTDIR)$(PREFIX)/share/man/man7/restante-api.7
	install -D -m 644 man/restante.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/restante.conf.5
	install -D -m 755 etc/certbot-deploy $(DESTDIR)$(PREFIX)/share/restante/certbot-deploy
ifneq ($(UNITDIR),)
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|=/usr/sbin|=$(PREFIX)/sbin|' debian/restante.service >$(DESTDIR)$(UNITDIR)/restante.service
	chmod 644 $(DESTDIR)$(UNITDIR)/restante.service
endif
ifneq ($(SYSUSERSDIR),)
	install -D -m 644 debian/restante.sysusers $(DESTDIR)$(SYSUSERSDIR)/restante.conf
endif

deb: ## build the Debian package, in build/deb
	@debian/build.sh $(CURDIR)/build/deb
