// Progressive additions; every page works without them where that is possible.
"use strict";

// Under Trusted Types htmx needs a policy: it may write what our server sent, and may run nothing.
if (window.htmx && window.trustedTypes) {
  const policy = trustedTypes.createPolicy("htmx", {
    createHTML: (html) => html,
    createScript: () => { throw new TypeError("no script"); },
  });
  const refuse = () => { throw new TypeError("no script"); };
  htmx.registerExtension("trusted", { init: (api) => api.initSecurity(policy, refuse, refuse) });
}

// A refusal takes the focus, so that it is read out.
document.getElementById("problem")?.focus();

// Passkeys: ask our server for options, the browser for a credential, then send the form as any other.
if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      const fault = form.querySelector(".fault");
      fault.hidden = true;
      try {
        const answer = await fetch(form.dataset.passkey, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const options = await answer.json();
        const made = form.dataset.make
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
        form.elements.credential.value = JSON.stringify(made.toJSON());
        form.submit();
      } catch {
        fault.hidden = false;
      }
    });
  }
}

// Keys of the lists: "/" to search, j and k to move, Enter to open. No key decides anything.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const links = [...document.querySelectorAll("tbody tr a:first-of-type, .work a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); }
  } else if (event.key === "j" && links.length) links[Math.min(at + 1, links.length - 1)].focus();
  else if (event.key === "k" && links.length) links[Math.max(at - 1, 0)].focus();
});
