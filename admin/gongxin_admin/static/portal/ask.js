// A form whose number never leaves: `form[data-blind]`. On submit the number becomes tokens, then the form is sent.
import { Fault, Subjects, both, suite } from "./tokens.js";

const able = typeof BigInt === "function" && typeof crypto?.getRandomValues === "function";

for (const form of document.querySelectorAll("form[data-blind]")) {
  const number = form.querySelector("[data-number]"), kind = form.querySelector("[data-kind]");
  const subject = form.elements.namedItem("subject"), button = form.querySelector("[data-send]");
  const wrong = form.querySelector("[data-fault]");
  const subjects = new Subjects({ ...form.dataset, csrf: form.elements.namedItem("csrf_token").value, dataSet: form.dataset.set });
  if (!able) continue; // what the page says of itself stays: use gongxin-member
  form.querySelector("[data-unable]").hidden = true;
  number.disabled = button.disabled = false;
  number.addEventListener("focus", () => suite().catch(() => {}), { once: true });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    if (!number.value && form.querySelector("[data-instead]")?.value) return form.submit();
    button.disabled = true;
    wrong.hidden = true;
    number.removeAttribute("aria-invalid");
    try {
      const [found] = await subjects.of([{ kind: kind.value, number: number.value }]);
      subject.value = JSON.stringify(found);
      number.value = ""; // nothing to find in the page or in the browser's memory of it
      form.submit();
    } catch (fault) {
      wrong.textContent = both("错误：", "Error: ") + (fault instanceof Fault ? fault.message : new Fault("cannot").message);
      wrong.hidden = false;
      number.setAttribute("aria-invalid", "true");
      number.focus();
      button.disabled = false;
    }
  });
  addEventListener("pageshow", () => { button.disabled = false; });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
