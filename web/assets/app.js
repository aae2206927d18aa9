// Comforts. Every page works without this file.
(() => {
  'use strict';

  // Times in the reader's own zone. The exact UTC stays in the title. A line may
  // end before the hour, and neither in the date nor in the time.
  const localTimes = (root) => {
    const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' });
    for (const time of root.querySelectorAll('time[datetime]')) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const parts = format.formatToParts(date);
      time.textContent = parts.map(({ value }, i) => parts[i + 1]?.type === 'hour' ? value : value.replace(/\s/g, '\u00a0')).join('');
    }
  };

  // Copy buttons, with feedback that is read out.
  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    const feedback = document.querySelector('[data-feedback]');
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      feedback.textContent = button.dataset.done;
    } catch {
      feedback.textContent = document.execCommand('copy') ? button.dataset.done : button.dataset.failed;
    }
  };

  // Pages that ask for little are shown over the one that leads to them.
  const dialog = document.createElement('dialog');
  dialog.className = 'sk-dialog sk-main';
  dialog.setAttribute('aria-labelledby', 'dialog-title');

  // The form owner: the user who saw the page. Another user may have signed in before a dialog opens.
  const formOwner = (root) => root.querySelector('input[name="shown_to"]')?.value;

  const showDialog = async (link) => {
    try {
      const response = await fetch(link.href);
      if (!response.ok || response.redirected) throw new Error('not a page for a dialog');
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      if ((formOwner(document) ?? formOwner(page)) !== formOwner(page)) throw new Error('not shown to the same user');
      const content = page.querySelector('[data-dialog-content]');
      content.querySelector('h1').id = 'dialog-title';
      dialog.replaceChildren(...content.childNodes);
      if (!dialog.isConnected) document.body.append(dialog);
      dialog.showModal();
      (dialog.querySelector('[autofocus]') || dialog.querySelector('[data-close]')).focus();
    } catch {
      location.assign(link.href);
    }
  };

  document.addEventListener('click', (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest('a[data-dialog]');
    const close = event.target.closest('dialog [data-close]');
    const copyButton = event.target.closest('button[data-copy]');
    if (link) {
      event.preventDefault();
      showDialog(link);
    } else if (close) {
      event.preventDefault();
      dialog.close();
    } else if (copyButton) {
      copy(copyButton);
    }
  });

  // A second click must not send a form twice: the answer to the first, which
  // may have the only sight of a password in it, would be lost.
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post') return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
    setTimeout(() => delete form.dataset.sent, 5000);
  });

  // One box that ticks all others.
  for (const label of document.querySelectorAll('[data-select-all]')) {
    const boxes = label.closest('form').querySelectorAll('input[name="c"]');
    label.hidden = false;
    label.querySelector('input').addEventListener('change', (event) => {
      for (const box of boxes) box.checked = event.target.checked;
    });
  }

  // What is ticked below a preset, and the preset, say the same.
  for (const group of document.querySelectorAll('.sk-scopes')) {
    const chosen = group.querySelector('input[name="limit_preset"][value="chosen"]');
    const choose = group.querySelector('.sk-choose');
    if (!chosen || !choose) continue;
    group.addEventListener('change', ({ target }) => {
      if (choose.contains(target)) {
        chosen.checked = true;
      } else if (target.name === 'limit_preset' && target !== chosen) {
        for (const box of choose.querySelectorAll('input[type="checkbox"]')) box.checked = false;
        for (const text of choose.querySelectorAll('textarea')) text.value = '';
      }
    });
  }

  // A day ends when it ends where the reader is.
  for (const zone of document.querySelectorAll('input[data-zone-of]')) {
    const date = document.getElementById(zone.dataset.zoneOf);
    const label = document.querySelector(`label[for="${date.id}"]`);
    label.textContent = label.dataset.local;
    const read = () => {
      const [year, month, day] = date.value.split('-').map(Number);
      zone.value = year ? new Date(year, month - 1, day + 1).getTimezoneOffset() : '';
    };
    date.addEventListener('change', read);
    read();
  }

  for (const button of document.querySelectorAll('button[data-copy]')) button.hidden = false;
  localTimes(document);

  // The form that hands a password over goes by itself.
  document.querySelector('form[data-submit]')?.requestSubmit();
})();
