"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  // Legends show and hide the series of their chart.
  for (const button of all("[data-toggle]")) {
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      const figure = button.closest("figure");
      for (const series of all(`[data-series="${button.dataset.toggle}"]`, figure)) {
        series.classList.toggle("off", !shown);
      }
    });
  }

  // Cells of a confusion matrix list their objects; those that are drawn lead there.
  const drawings = new Map(all("figure[data-object]").map((one) => [one.dataset.object, one]));
  for (const matrix of all(".matrix")) {
    const source = matrix.querySelector("script.objects");
    if (!source) continue;
    const { names, objects } = JSON.parse(source.textContent);
    const listing = matrix.querySelector(".listing");
    const [heading, note, list] = ["h4", "p", "ol"].map((tag) => listing.querySelector(tag));
    const buttons = all("button[data-cell]", matrix);
    for (const button of buttons) {
      button.addEventListener("click", () => {
        for (const other of buttons) other.removeAttribute("aria-pressed");
        button.setAttribute("aria-pressed", "true");
        const [i, j] = button.dataset.cell.split(",").map(Number);
        const found = objects[button.dataset.cell] || [];
        const total = Number(button.dataset.count);
        heading.textContent = `${names[i]} predicted as ${names[j]}: ${total.toLocaleString("en")}`;
        note.textContent = "Id and probability of the predicted class, the highest first." +
          (found.length < total ? ` The first ${found.length} are listed.` : "");
        list.replaceChildren(...found.map(([id, probability]) => {
          const item = document.createElement("li");
          const drawn = drawings.get(id);
          const name = document.createElement(drawn ? "a" : "span");
          if (drawn) {
            name.href = "#classes";
            name.title = "Show its light curve";
            name.addEventListener("click", (event) => {
              event.preventDefault();
              drawn.closest("details").open = true;
              drawn.scrollIntoView({ block: "center" });
              drawn.focus();
            });
          }
          const value = document.createElement("span");
          name.textContent = id;
          value.textContent = probability.toFixed(3);
          item.append(name, value);
          return item;
        }));
        listing.hidden = false;
        listing.scrollTop = 0;
        listing.scrollIntoView({ block: "nearest" });
      });
    }
  }

  for (const button of all("[data-open]")) {
    button.addEventListener("click", () => {
      for (const one of all("details.class")) one.open = button.dataset.open === "true";
    });
  }

  // On a phone the contents would fill the first screen.
  const contents = document.querySelector("nav details");
  if (window.matchMedia("(max-width: 820px)").matches) contents.open = false;

  // Classes are printed unfolded; the configuration and the values behind charts are not.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = all("main details:not([open])").filter((one) => !one.closest("#config, figure"));
    for (const one of folded) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
})();
